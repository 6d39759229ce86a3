"""Fallline trains models by gradient descent and keeps every step."""
