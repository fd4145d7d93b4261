from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import jsonschema
import msgspec
import pytest

from brownout.fakes import authority
from brownout.fakes.conversion import BrokenFile
from brownout.fakes.fake import Limits, Price, price_list
from brownout.fakes.json_schema import published
from brownout.harness.contract import Contract, Retry, Spend
from brownout.harness.target_file import TargetFile, read

GOOD = """\
name = "acme"
[start]
env = { URL = "{primary.url}", KEY = "{primary.key}" }
[call.python]
callable = "acme.llm:complete"
[providers.primary]
dialect = "openai"
model = "gpt-4o-mini"
"""


def target(folder: Path, text: str) -> TargetFile:
    """The target file of that text."""
    path = folder / "brownout.toml"
    path.write_text(text, "utf-8")
    return read(path)


def complaints(folder: Path, text: str) -> list[tuple[int | None, str, str]]:
    """What is wrong with it."""
    with pytest.raises(BrokenFile) as broken:
        target(folder, text)
    return broken.value.complaints


def lists(table: type[msgspec.Struct], path: str = "") -> Iterator[str]:
    """The keys of a table, and of those in it, that are lists."""
    for field in msgspec.structs.fields(table):
        for kind in (field.type, *get_args(field.type)):
            if get_origin(kind) is tuple and get_origin(field.type) is not dict:
                yield path + field.name
            if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
                yield from lists(kind, f"{path}{field.name}.")


def unsaid(table: msgspec.Struct, data: dict[str, Any], path: str = "") -> Iterator[str]:
    """The keys of the types that the data does not have."""
    for name in table.__struct_fields__:
        if name not in data:
            yield path + name
            continue
        value, said, below = getattr(table, name), data[name], f"{path}{name}."
        if isinstance(value, dict) and isinstance(said, dict):  # of tables that are alike one is enough
            value, said, below = next(iter(value.values())), next(iter(said.values())), f"{below}*."
        if isinstance(value, msgspec.Struct):
            yield from unsaid(value, said, below)


class TestRead:
    def test_figures_are_read_as_people_write_them(self, tmp_path: Path) -> None:
        """
        Durations become seconds and dollars become micro-dollars.
        """
        text = GOOD + '[contract]\ndeadline = "1m30s"\nretry = { max_total = 20 }\nspend = { cap = 0.25 }\n'

        contract = target(tmp_path, text).contract

        assert Contract(90.0, retry=Retry(max_total=20.0), spend=Spend(cap=250_000)) == contract

    def test_paths_are_relative_to_the_file(self, tmp_path: Path) -> None:
        """
        Working directory, templates, interpreter and modules are found from the folder of the file.
        """
        (tmp_path / "gateway.template").write_text("{primary.url} { not: one }")
        text = GOOD.replace("[call", 'cwd = "app"\nfiles = { "g.yaml" = "gateway.template" }\n[call')
        text = text.replace("[prov", 'interpreter = ".venv/bin/python"\npath = ["."]\n[prov')

        file = target(tmp_path, text)

        assert str(tmp_path / "app") == file.start.cwd
        assert {"g.yaml": str(tmp_path / "gateway.template")} == file.start.files
        assert file.call.python is not None
        assert str(tmp_path / ".venv/bin/python") == file.call.python.interpreter
        assert (str(tmp_path),) == file.call.python.path

    def test_an_interpreter_on_the_path_stays_a_name(self, tmp_path: Path) -> None:
        """
        `interpreter = "python3.12"` is looked for where commands are, and not beside the file.
        """
        file = target(tmp_path, GOOD.replace("[prov", 'interpreter = "python3.12"\n[prov'))

        assert file.call.python is not None
        assert file.call.python.interpreter == "python3.12"

    def test_a_project_may_hold_its_own(self, tmp_path: Path) -> None:
        """
        In pyproject.toml the file is the table `tool.brownout`, and complaints have the lines of the whole file.
        """
        path = tmp_path / "pyproject.toml"
        text = '[project]\nname = "x"\n\n[tool.brownout]\n' + GOOD.replace("\n[", "\n[tool.brownout.")
        path.write_text(text)

        assert read(path).name == "acme"

        path.write_text(text.replace('"openai"', '"opnai"'))
        with pytest.raises(BrokenFile, match=r"pyproject\.toml:11: there is no dialect"):
            read(path)

    def test_what_ships_can_be_read(self) -> None:
        """
        Every ready-made target is a good target file.
        """
        folder = Path(__file__).parents[2] / "scenarios" / "targets"

        assert all(read(path).name for path in folder.glob("*.toml"))

    def test_every_key_there_is_can_be_said(self) -> None:
        """
        A file with every table and key is good, says what the schema takes, and leaves no key of the types out.
        """
        path = Path(__file__).parent / "acme.toml"
        data = tomllib.loads(path.read_text())
        schema = published("brownout target", TargetFile)

        file = read(path)

        assert not list(jsonschema.Draft202012Validator(schema).iter_errors(data))
        absent = {
            "call.command",
            "call.python",
            "install",
            "providers.*.intercept",
            "contract.observe.otlp",
        }
        absent |= {
            "version.package",
            "call.http.dialect",
            "start.ready.line",
            "start.ready.port",
            "contract.jobs.submit.method",
        }
        absent |= {"contract.quota.per_user.tpm", "contract.quota.per_user.rpd", "contract.jobs.status.method"}
        absent |= {"contract.jobs.submit.headers", "contract.jobs.status.headers"}
        absent |= {"contract.quota.per_user.window", "providers.*.limits.window", "providers.*.price.cache_write"}
        absent |= {"models.*.price.cache_write"}
        assert absent == set(unsaid(file, data))

    def test_certificates_take_a_package(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        Where it is not installed, a provider over TLS is told what to install; and only such a provider has {NAME.ca}.
        """
        over_tls = GOOD.replace('model = "gpt-4o-mini"', 'model = "gpt-4o-mini"\ntls = true')
        key, ca = 'KEY = "{primary.key}"', 'KEY = "{primary.ca}"'

        assert target(tmp_path, over_tls.replace(key, ca)).providers["primary"].fake("primary", 1).tls
        assert ["there is no placeholder {primary.ca}"] == [
            text for _, text, _ in complaints(tmp_path, GOOD.replace(key, ca))
        ]

        monkeypatch.setattr(authority, "can_be_made", lambda: False)
        assert [("certificates take a package that is not installed", authority.WANTED)] == [
            (text, hint) for _, text, hint in complaints(tmp_path, over_tls)
        ]

    def test_limits_are_a_table_or_the_name_of_a_tier(self, tmp_path: Path) -> None:
        """
        A tier that is named allows what it allows.
        """
        text = GOOD + '[providers.tiered]\ndialect = "openai"\nmodel = "gpt-4o"\nlimits = "openai-tier-1"\n'

        file = target(tmp_path, text)

        assert Limits(rpm=500, tpm=30_000) == file.providers["tiered"].fake("tiered", 1).limits

    def test_models_of_ones_own_win_over_the_price_list(self, tmp_path: Path) -> None:
        """
        A model of the file is served by the providers of its dialect, at the price that the file says.
        """
        own = "window = 1000\nmax_output = 100\nprice = { input = 7, output = 8, cached = 0.7 }\n"
        text = GOOD + f'[models."gpt-4.1"]\ndialect = "openai"\n{own}[models.mine]\ndialect = "anthropic"\n{own}'

        file = target(tmp_path, text)
        fake = file.providers["primary"].fake("primary", 1, file.models)

        found = fake.find("gpt-4.1")
        assert found is not None
        assert (Price(7, 8, 0.7), 1000) == (found.price, found.window)
        assert fake.find("mine") is None
        assert fake.find("gpt-4o") == price_list()["gpt-4o"]

    def test_a_running_target_is_never_fresh(self, tmp_path: Path) -> None:
        """
        A service without a start command is running already, so scenarios cannot have a process of their own.
        """
        text = GOOD.replace(
            '[call.python]\ncallable = "acme.llm:complete"', '[call.http]\nurl = "http://localhost:80/"'
        )

        file = target(tmp_path, text)

        assert file.running
        assert not file.fresh
        assert target(tmp_path, GOOD).fresh

    def test_callers_speak_openai_where_no_shape_is_given(self, tmp_path: Path) -> None:
        """
        Without a dialect and without a body of its own, an HTTP target is spoken to as OpenAI is.
        """
        text = GOOD.replace(
            '[call.python]\ncallable = "acme.llm:complete"', '[call.http]\nurl = "http://localhost:80/"'
        )
        shape = """body = '{"q": {prompt}}'\nanswer = "$.a"\n"""
        spoken = [
            file.call.http.spoken
            for file in (target(tmp_path, text), target(tmp_path, text.replace("[prov", shape + "[prov")))
            if file.call.http
        ]

        assert spoken == ["openai", None]


class TestErrors:
    def test_everything_is_told_at_once_with_its_line(self, tmp_path: Path) -> None:
        """
        Unknown keys, wrong types and figures out of range are all told, each with its line and what would be right.
        """
        text = (
            GOOD
            + '[contract]\ndeadline = "0s"\n[contract.retry]\nmax_attempt = 4\n[contract.stream]\nidle_timeout = []'
        )

        found = complaints(tmp_path, text)

        assert [line for line, _, _ in found] == [10, 12, 14]
        assert found[1] == (12, 'unknown key "max_attempt" in [contract.retry]', 'did you mean "max_attempts"?')

    @pytest.mark.parametrize(
        ("table", "line", "text", "hint"),
        [
            ("[version]", 9, "version says nothing, or two things", "package"),
            ("[contract.retry]\nmax_attempts = 0", 10, "max_attempts must be a whole number, at least 1; it is 0", ""),
            ('[contract.breaker]\ncooldown = "-5s"', 10, "'-5s' is no duration", ""),
            ('[contract.breaker]\nscope = "providr"', 10, "scope must be one of", 'did you mean "provider"?'),
            ('[contract]\ndeadline = "0s"', 10, "more than 0", ""),
            ("[contract.breaker]\nerror_rate = 50", 10, "a number, more than 0 and at most 1", ""),
            ("[contract.spend]\ncap = -1", 10, "not negative", ""),
            ("[contract.breaker]\nprobes = 0", 10, "at least 1; it is 0", ""),
            ("[contract.breaker]\nerror_rate = 1.5", 10, "at most 1", ""),
            ("[contract.spend]\ncap = 1\nper_user = 2", 11, "one user may spend more than all", "per_user <= cap"),
            ("[contract.spend]\ncap = 0", 10, "a cap of nothing forbids every call", "cap = 1.00"),
            ('[contract.retry]\nmax_total = "2m"', 10, "beyond contract.deadline", "after 60 s"),
            ("[contract.spend]\ndurable = true", 9, "has no cap", "cap = 1.00"),
            ('[contract.spend]\ncap = 1\ntimezone = "Europe/Berln"', 11, "no time zone", 'mean "Europe/Berlin"?'),
            ('[contract.fallback]\nchain = [\n"primary",\n"primry"]', 12, "no such provider", 'mean "primary"?'),
            ('[contract.fallback]\nchain = ["primary"]', 10, "falls back to nobody", ""),
            ('[contract.fallback]\nchain = ["primary", "primary"]', 10, "twice", ""),
            ('[contract.fallback]\ncontext = "big"', 10, "no such provider", "there are: primary"),
            ('[contract.fallback]\nregions = ["eu"]', 10, 'no provider is in region "eu"', 'region = "eu"'),
            ('[contract.fallback]\nmidstream = "error"', 10, "none are promised", "[contract.stream]"),
            ('[contract.residency]\neu = ["second"]', 10, "no such provider", ""),
            ('[contract.stream]\nidle_timeout = "2m"', 10, "beyond contract.deadline", "after 60 s"),
            ("[contract.keys]\nsecond = true", 10, "no provider has one", "keys = 2"),
            ("[contract.access]", 9, "no caller is known", "unauthorized"),
            ('[contract.pii]\ntypes = ["email"]\nlocales = ["en-US"]', 11, '"en-US"', 'mean "en_US"?'),
            ('[contract.pii]\ntypes = ["email"]\nrecall = { nam = 0.9 }', 11, 'unknown key "nam"', 'mean "name"?'),
            ("[contract.pii]", 9, '[contract.pii] has no "types"', "types is a list"),
            ('[providers.secondary]\ndialect = "anthropc"\nmodel = "m"', 10, "no dialect", "known here"),
            (
                '[providers.secondary]\ndialect = "openai"\nmodel = "m"\nintercept = "a"',
                12,
                "not available",
                "leave it out",
            ),
            ("[contract.observe]\notlp = true", 10, "not available", "leave it out"),
            ("[contract.fallback]\nstatic = false", 9, "[contract.fallback] promises nothing", "static = true"),
            ("[contract.fallback]\nchain = []", 10, "chain is empty, and promises nothing", 'chain = ["primary",'),
            ("[contract.context]", 9, "[contract.context] promises nothing", "preflight = true"),
            ("[contract.keys]\nsecond = false", 9, "[contract.keys] promises nothing", "second = true"),
            ('[contract.observe]\nfields = { user = "$.u" }', 9, "[contract.observe] promises nothing", "file = "),
            ("[contract.quota]\nqueue = true", 9, "keep under a limit, and has none", "rpm = 500"),
            ("[contract.residency]\neu = []", 10, "contract.residency.eu is empty", '["secondary"]'),
            ("[contract.residency]", 9, "contract.residency is empty", "eu = ["),
            ("[contract.schema]", 9, "contract.schema is empty", "schema = {"),
            ('[providers.secondary]\ndialect = "openai"\nmodel = "m"\nlimits = { rpm = 0 }', 12, "limits.rpm must", ""),
            (
                '[providers.secondary]\ndialect = "openai"\nmodel = "m"\nlimits = "openai-tier1"',
                12,
                'no tier named "openai-tier1"',
                'mean "openai-tier-1"?',
            ),
            (
                '[models.m]\ndialect = "opnai"\nwindow = 1\nmax_output = 1\nprice = { input = 1, output = 1 }',
                10,
                "no dialect",
                'mean "openai"?',
            ),
            ('[call.command]\ncommand = ["x"]', 4, "[call.command] and [call.python] contradict", "exactly one"),
            ("[run]\nclock = 'fast'", 10, "run.clock must be one of", ""),
            ("[contract.deadlin]", 9, 'unknown key "deadlin" in [contract]', 'mean "deadline"?'),
        ],
    )
    def test_what_cannot_be_is_refused(self, tmp_path: Path, table: str, line: int, text: str, hint: str) -> None:
        """
        A claim that is impossible or contradicts another is refused with its line and the right form.
        """
        found = complaints(tmp_path, GOOD + table + "\n")

        assert any(at == line and text in said and hint in right for at, said, right in found), found

    @pytest.mark.parametrize("path", sorted(lists(Contract)))
    def test_a_list_of_none_is_refused(self, tmp_path: Path, path: str) -> None:
        """
        Whatever list a contract has, an empty one is told with its line and what to write, and nothing else is.
        """
        table, _, name = path.rpartition(".")
        needed = {"jobs.status": 'url = "http://127.0.0.1/{job}"\n[contract.jobs.submit]\nurl = "http://127.0.0.1/"\n'}
        needed |= {"health": 'url = "http://127.0.0.1/"\n', "spend": "cap = 1\n"}
        types = 'types = ["email"]\n' if table == "pii" and name != "types" else ""
        text = f"{GOOD}[contract.{table}]\n{name} = []\n{types}{needed.get(table, '')}"

        ((line, said, right),) = complaints(tmp_path, text)

        assert (10, f"contract.{path} is empty, and promises nothing") == (line, said)
        assert f"{name} = [" in right

    def test_a_table_that_is_missing_is_told_with_its_keys(self, tmp_path: Path) -> None:
        """
        Who writes the file's first line is told which tables come next, and what is in them.
        """
        assert [right for _, _, right in complaints(tmp_path, 'name = "x"')] == [
            "call is a table with http, command, python",
            "providers is a table of tables with dialect, model",
        ]

    def test_a_limit_may_be_the_providers(self, tmp_path: Path) -> None:
        """
        A quota without a figure is that of the provider, where that has one.
        """
        assert target(tmp_path, GOOD + 'limits = "openai-tier-1"\n[contract.quota]\n').contract.claims("quota")

    @pytest.mark.parametrize(
        ("written", "hint"),
        [("{primry.url}", "did you mean {primary.url}?"), ("{primary.key2}", "{primary.key}"), ("{prot}", "{port}?")],
    )
    def test_a_placeholder_that_is_none_is_refused(self, tmp_path: Path, written: str, hint: str) -> None:
        """
        A misspelt placeholder is told with the nearest right one.
        """
        (line, text, right), *_ = complaints(tmp_path, GOOD.replace("{primary.url}", written))

        assert (3, f"there is no placeholder {written}") == (line, text)
        assert hint in right

    def test_a_price_is_needed_where_money_is_promised(self, tmp_path: Path) -> None:
        """
        A cap without a known price is refused, and accepted once the price is given; without a cap no price is needed.
        """
        text = GOOD.replace("gpt-4o-mini", "house-model")
        cap = "[contract.spend]\ncap = 1\n"

        (line, said, hint), *_ = complaints(tmp_path, text + cap)

        assert line == 8
        assert 'what "house-model" costs' in said
        assert "price = {" in hint
        assert target(tmp_path, text)
        assert target(tmp_path, text + "price = { input = 1, output = 2 }\n" + cap)
        resold = text.replace("house-model", "gemini-2.5-flash").replace('"openai"', '"vertex"')
        assert target(tmp_path, resold + cap)

    def test_a_template_is_looked_into(self, tmp_path: Path) -> None:
        """
        A template that is missing is refused, and so is one with a placeholder of a fake that does not exist.
        """
        text = GOOD.replace("[call", 'files = { "a" = "a.template" }\n[call')

        assert "cannot be read" in complaints(tmp_path, text)[0][1]

        (tmp_path / "a.template").write_text("url: {primary.ulr}\nown: {x} {{y}}\n")
        assert complaints(tmp_path, text) == [
            (4, "a.template: there is no placeholder {primary.ulr}", 'did you mean "primary.url"?')
        ]

    def test_no_toml_and_no_file_are_told(self, tmp_path: Path) -> None:
        """
        Broken TOML is told with its line, and a file that is not there by its name.
        """
        assert complaints(tmp_path, 'name = "a"\nname\n')[0][0] == 2
        with pytest.raises(BrokenFile, match=r"nowhere\.toml: cannot be read: No such file"):
            read(tmp_path / "nowhere.toml")
