"""How the models of the thesis are trained: on which subjects, with which left out."""
