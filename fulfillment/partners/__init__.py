"""HTTP clients of the partners: the order system and the delivery service. They know no model and never repeat a call by themselves."""
