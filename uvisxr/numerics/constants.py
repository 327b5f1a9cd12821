"""Constants of physics and astronomy, once."""

#: Speed of light, km/s (exact, SI).
SPEED_OF_LIGHT = 299792.458

#: The astronomical unit, km (exact, IAU 2012 resolution B2).
ASTRONOMICAL_UNIT = 149597870.7
