"""Why there is no figure. Each is a sentence for the user of the benchmark.

BenchmarkError
├── InvalidChoice     no such target, load or number
├── MissingProgram    a compiler, nginx or a peer is not installed: says how to get it
├── BuildFailed       the C programs do not compile
├── TemplateChanged   nginx.conf.j2 no longer holds what the benchmark adapts
├── TargetFailed      a target did not start, died or never answered
└── LoadFailed        the generator or the mock did
"""


class BenchmarkError(Exception):
    pass


class InvalidChoice(BenchmarkError):
    pass


class MissingProgram(BenchmarkError):
    pass


class BuildFailed(BenchmarkError):
    pass


class TemplateChanged(BenchmarkError):
    pass


class TargetFailed(BenchmarkError):
    pass


class LoadFailed(BenchmarkError):
    pass
