"""The MySQL definition of everything a cluster holds; a leaf package that sql and engine share."""
