"""A deployment as a whole: may it be made, what state is it in, what of it is left."""
