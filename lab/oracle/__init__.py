"""The oracle: what a call will meet, said from the world alone, with the deciding rule and the way there.

Pure. It never asks a kernel or a service, and nothing that measures may import it.
"""

from lab.oracle.predict import explain, predict

__all__ = ["explain", "predict"]
