"""The time zones that the form offers: cities all over the world, in the reader's language."""

from functools import cache

from babel.dates import get_timezone_location

from shared.i18n.wording import locale_of

CITIES = (
    "UTC", "Africa/Abidjan", "Africa/Algiers", "Africa/Cairo", "Africa/Casablanca", "Africa/Johannesburg",
    "Africa/Khartoum", "Africa/Kinshasa", "Africa/Lagos", "Africa/Nairobi", "Africa/Tunis", "America/Adak",
    "America/Anchorage", "America/Argentina/Buenos_Aires", "America/Bogota", "America/Caracas", "America/Chicago",
    "America/Denver", "America/Guatemala", "America/Halifax", "America/Havana", "America/Lima",
    "America/Los_Angeles", "America/Manaus", "America/Mexico_City", "America/Miquelon", "America/Montevideo",
    "America/New_York", "America/Noronha", "America/Nuuk", "America/Phoenix", "America/Santiago",
    "America/Sao_Paulo", "America/St_Johns", "Asia/Almaty", "Asia/Baghdad", "Asia/Baku", "Asia/Bangkok",
    "Asia/Beirut", "Asia/Colombo", "Asia/Dhaka", "Asia/Dubai", "Asia/Hong_Kong", "Asia/Jakarta", "Asia/Jerusalem",
    "Asia/Kabul", "Asia/Karachi", "Asia/Kathmandu", "Asia/Kolkata", "Asia/Makassar", "Asia/Manila", "Asia/Riyadh",
    "Asia/Seoul", "Asia/Shanghai", "Asia/Singapore", "Asia/Taipei", "Asia/Tashkent", "Asia/Tbilisi", "Asia/Tehran",
    "Asia/Tokyo", "Asia/Ulaanbaatar", "Asia/Vladivostok", "Asia/Yangon", "Asia/Yekaterinburg", "Atlantic/Azores",
    "Atlantic/Cape_Verde", "Australia/Adelaide", "Australia/Brisbane", "Australia/Darwin", "Australia/Eucla",
    "Australia/Lord_Howe", "Australia/Perth", "Australia/Sydney", "Europe/Athens", "Europe/Berlin",
    "Europe/Istanbul", "Europe/Kyiv", "Europe/Lisbon", "Europe/London", "Europe/Madrid", "Europe/Moscow",
    "Europe/Paris", "Europe/Rome", "Europe/Warsaw", "Pacific/Apia", "Pacific/Auckland", "Pacific/Chatham",
    "Pacific/Easter", "Pacific/Fiji", "Pacific/Gambier", "Pacific/Guam", "Pacific/Honolulu", "Pacific/Kiritimati",
    "Pacific/Marquesas", "Pacific/Norfolk", "Pacific/Noumea", "Pacific/Pago_Pago", "Pacific/Pitcairn",
    "Pacific/Tongatapu",
)  # fmt: skip
"""One city at least for each time that clocks show now, and for each large country. A browser may name any other."""


@cache
def zone_choices(language: str) -> tuple[tuple[str, str], ...]:
    """Each zone and the name of its city in a language, in the order of these names."""
    locale = locale_of(language)
    named = {zone: get_timezone_location(zone, locale=locale, return_city=True) for zone in CITIES if zone != "UTC"}
    # CLDR says the whole path of some zones that it has no city for.
    cities = {zone: city.rpartition("/")[2] for zone, city in named.items()}
    return ("UTC", "UTC"), *sorted(cities.items(), key=lambda choice: choice[1].casefold())
