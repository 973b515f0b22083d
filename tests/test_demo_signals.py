import signal

import pytest

from load_tests.demo.signals import interruptible


@pytest.mark.parametrize("sigint", [signal.SIG_IGN, signal.default_int_handler])
def test_sigterm_ends_a_job_that_a_shell_has_made_deaf_to_ctrl_c_too(sigint: signal.Handlers) -> None:
    before = signal.signal(signal.SIGINT, sigint)
    try:
        with pytest.raises(KeyboardInterrupt), interruptible():
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGINT, before)
