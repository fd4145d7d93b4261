from __future__ import annotations

from brownout.harness.placeholders import fill, names_in, of_fakes

PLACES = {"primary.url": "http://127.0.0.1:1/v1", "port": "8080"}


class TestFill:
    def test_only_what_is_known_is_filled(self) -> None:
        """
        Known placeholders are filled, doubled ones are their own text, and every other brace stays.
        """
        template = '{"a": {"url": "{primary.url}", "b": {port}}} {{port}} {{other}} {other}'

        assert fill(template, PLACES) == '{"a": {"url": "http://127.0.0.1:1/v1", "b": 8080}} {port} {{other}} {other}'

    def test_what_is_filled_in_is_not_looked_at_again(self) -> None:
        """
        A value that looks like a placeholder stays as it is.
        """
        assert fill("{a}{b}", {"a": "{b}", "b": "{a}"}) == "{b}{a}"


class TestNames:
    def test_names_are_found_among_other_braces(self) -> None:
        """
        Bodies in JSON are full of braces; only names in braces are placeholders.
        """
        assert list(names_in('{"q": {prompt}, "k": "{primary.key2}", "x": {{user}}}')) == ["prompt", "primary.key2"]

    def test_each_key_has_a_placeholder(self) -> None:
        """
        A fake with three keys has `key`, `key2` and `key3`, and an id for each.
        """
        keys = [name for name in of_fakes({"primary": 3}) if ".key" in name]

        assert {"primary.key", "primary.key2", "primary.key3"} == {name for name in keys if "_id" not in name}
        assert {"primary.key_id", "primary.key_id2", "primary.key_id3"} == {name for name in keys if "_id" in name}
