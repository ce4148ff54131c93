from temps.refused import Refused


class Command(Refused):
    pass
