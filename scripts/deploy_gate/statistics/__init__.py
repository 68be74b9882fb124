"""Pure statistics of counts: how sure a rate is, whether one set of values is greater than another, quantiles."""
