"""Recipes, base training and tuning: turns rows into weights that a model version holds."""
