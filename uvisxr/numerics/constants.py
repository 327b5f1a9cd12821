"""Constants of physics, of astronomy and of counts, once."""

#: Speed of light, km/s (exact, SI).
SPEED_OF_LIGHT = 299792.458

#: Planck's constant, J s (exact, SI).
PLANCK = 6.62607015e-34

#: The astronomical unit, km (exact, IAU 2012 resolution B2).
ASTRONOMICAL_UNIT = 149597870.7

#: Raw value of an element that was not transmitted (CORE_NULL = -1 read as unsigned).
MISSING = 65535

#: The same in sums of elements, of 32 bits.
MISSING_SUM = 2**32 - 1
