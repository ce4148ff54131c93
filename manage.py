#!/usr/bin/env python
from temps.__main__ import main

if __name__ == "__main__":
    main(whole=True)
