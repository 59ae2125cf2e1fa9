"""Recipes for the images that the charts ask for, from programs that a local cluster can have."""

from cluster.stand_ins import insights, metrics, traces

RECIPES = (*insights.RECIPES, *metrics.RECIPES, *traces.RECIPES)
