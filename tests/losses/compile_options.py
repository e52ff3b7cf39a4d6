"""How the tests of losses compile: with as little optimisation as the installed XLA offers."""

import jax

WANTED = {  # a program here is compiled once and run once
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
    "xla_cpu_use_fusion_emitters": False,  # halves compilation where XLA still has it: JAX 0.10, not 0.12
}


def has(option: str) -> bool:
    """Ask XLA whether it has a compile option, by compiling with it."""
    try:
        jax.jit(lambda x: x, compiler_options={option: WANTED[option]}).lower(0.0).compile()
    except jax.errors.JaxRuntimeError as error:
        if "No such compile option" not in str(error):
            raise
        return False
    return True


QUICK = {option: value for option, value in WANTED.items() if has(option)}
