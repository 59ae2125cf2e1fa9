"""Image recipes for the programs in the charts, from programs of this machine."""

from cluster.stand_ins import insights, metrics, traces

RECIPES = (*insights.RECIPES, *metrics.RECIPES, *traces.RECIPES)
