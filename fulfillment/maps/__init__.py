"""Pictures of a warehouse: its shelves, aisles, docks and benches, and on it the way of somebody who picks. SVG without scripts and style sheets."""

from fulfillment.maps.draw import MapPicture, Stop, draw_map
from fulfillment.maps.scale import DESK, PHONE
from fulfillment.maps.stops import picture_of_walk

__all__ = ["DESK", "PHONE", "MapPicture", "Stop", "draw_map", "picture_of_walk"]
