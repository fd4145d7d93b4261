from __future__ import annotations

import pytest

from brownout.fakes import faults
from brownout.harness import checks, scenario

pytest_plugins = ["pytester"]

# What an inner run imports is forgotten after it, and whatever registers itself then does so twice, unless it is here.
for registry in (faults, checks, scenario):
    registry.load()

TARGET = """
name = "plain"
[start]
env = { BASE = "{primary.url}", KEY = "{primary.key}" }
[call.python]
callable = "plain:complete"
path = ["."]
[providers.primary]
dialect = "openai"
model = "gpt-4o-mini"
[contract]
deadline = 20
"""
CALLABLE = """
import json, os, urllib.request

def complete(messages):
    body = {"model": "gpt-4o-mini", "messages": messages}
    request = urllib.request.Request(os.environ["BASE"] + "/chat/completions", json.dumps(body).encode(), {
        "Authorization": "Bearer " + os.environ["KEY"], "Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as reply:
        return json.load(reply)["choices"][0]["message"]["content"]
"""


@pytest.fixture(autouse=True)
def settings(pytester: pytest.Pytester) -> None:
    """Another plugin that is installed for these tests warns without it."""
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function")


class TestFakes:
    def test_a_fake_stands_in_a_plain_test(self, pytester: pytest.Pytester) -> None:
        """
        A test without a loop gets a fake, changes its weather and its answer, and reads what it has seen.
        """
        pytester.makepyfile(
            """
            import httpx
            from brownout import always
            from brownout.fakes.faults.replies import RateLimited

            def ask(fake):
                body = {"model": fake.model, "messages": [{"role": "user", "content": "hello"}]}
                headers = {"Authorization": "Bearer " + fake.key}
                return httpx.post(fake.url + "/chat/completions", json=body, headers=headers)

            def test_weather(brownout_fake):
                brownout_fake.weather(always(RateLimited(retry_after=7)))
                assert ask(brownout_fake).headers["retry-after"] == "7"
                brownout_fake.weather()
                brownout_fake.answer(text="so be it")
                assert ask(brownout_fake).json()["choices"][0]["message"]["content"] == "so be it"
                assert [x.status for x in brownout_fake.exchanges] == [429, 200]

            def test_each_test_has_its_own(brownout_fake, brownout_fakes):
                other = brownout_fakes(model="gpt-4o")
                assert (ask(brownout_fake).status_code, ask(other).status_code) == (200, 200)
                assert len(brownout_fake.exchanges) == len(other.exchanges) == 1
            """
        )

        pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=2)

    def test_nothing_is_imported_before_it_is_used(self, pytester: pytest.Pytester) -> None:
        """
        A test run that uses none of it imports none of it.
        """
        pytester.makepyfile(
            """
            import sys

            def test_nothing():
                ours = {name for name in sys.modules if name.startswith("brownout.")}
                assert ours <= {"brownout.version", "brownout.harness", "brownout.harness.pytest_plugin"}
            """
        )

        pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)


class TestCases:
    @pytest.mark.slow
    def test_rows_become_tests(self, pytester: pytest.Pytester) -> None:
        """
        Each case is a test: it passes, fails with what was seen, or is skipped where the contract claims nothing.
        """
        pytester.makefile(".toml", brownout=TARGET)
        pytester.makepyfile(plain=CALLABLE)
        pytester.makepyfile(
            test_it="""
            import pytest

            @pytest.mark.brownout("brownout.toml", "retry.recovers", "stream.whole", "retry.bounded")
            def test_plain(brownout_case):
                brownout_case.passes()
            """
        )

        result = pytester.runpytest_inprocess(
            "-p", "no:cacheprovider", "-rs", "-k", "answers or 503 or whole or bounded"
        )

        result.assert_outcomes(passed=2, failed=1, skipped=2)
        result.stdout.fnmatch_lines(
            [
                "*retry.recovers: A transient fault is retried*",
                "*saw *promised: *",
                "*repeat: brownout run *brownout.toml retry.recovers --case 503 --seed 0*",
                "*SKIPPED*the contract does not claim stream*",
            ]
        )

    def test_what_is_below_the_gate_is_expected_to_fail(self, pytester: pytest.Pytester) -> None:
        """
        A row that the gate does not ask for is reported and breaks nothing.
        """
        pytester.makefile(".toml", brownout=TARGET)
        pytester.makepyfile(plain=CALLABLE)
        pytester.makepyfile(
            test_it="""
            import pytest

            @pytest.mark.brownout("brownout.toml", "retry.after-ms")
            def test_plain(brownout_case):
                brownout_case.passes()
            """
        )

        result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "--brownout-seed", "3", "-k", "after-ms")

        result.assert_outcomes(xfailed=1)

    @pytest.mark.parametrize(
        ("mark", "said"),
        [
            ("", "*brownout_case needs @pytest.mark.brownout*"),
            ('@pytest.mark.brownout("nowhere.toml")', "*nowhere.toml: cannot be read*"),
            ('@pytest.mark.brownout("naive", "retry.bonded")', '*did you mean "retry.bounded"?*'),
        ],
    )
    def test_a_wrong_mark_is_told(self, pytester: pytest.Pytester, mark: str, said: str) -> None:
        """
        A mark that is missing, or names no target or no row, is an error of the collection that says so.
        """
        pytester.makepyfile(f"import pytest\n{mark}\ndef test_it(brownout_case): ...")

        result = pytester.runpytest_inprocess("-p", "no:cacheprovider")

        assert result.ret != 0
        result.stdout.fnmatch_lines([said])
