"""What happened in one case, drawn: a lane for each caller, and under it a bar for each attempt.

c1 streamed · an error after 0.43 s
├──────|||||||──────✗            the call; ticks are pieces of text as they reached the caller
▨▨▨███▌   ▨▨▨▨▨▨▨▨▨   ▨▨█        attempts: hatched while nothing is sent, solid while bytes leave, a red edge where
x1 primary 429    x2 primary 200  a fault has bitten; between them, hatched too, how long the target waited
[Retry-After 3 s     ]         for so long a reply asked to be left alone
0 s      2 s      4 s            weather is shaded behind, the deadline is a line
"""

from __future__ import annotations

from typing import Any

from .shapes import LETTER, NARROW, WIDE, Box, Chart, Link, Shape, Stroke, Words, fitted
from .story import Call, Exchange, Story, asked_to_wait, zero
from .wording import count, one_line, seconds

CROWD = 6
"""Callers beyond which lanes are low and without words, and the attempts of all are counted together."""
BINS = 100
"""Into so many equal parts the time is cut to count them."""
PROVIDERS = 6
"""Colours there are for providers; the next one begins again."""


def draw(story: Story, proof: frozenset[str] = frozenset(), lanes: int = 24, ticks: int = 60) -> Chart | None:
    """A chart of a story; `proof` are the ids that violations point at. None where nothing happened."""
    if not story.calls and not story.exchanges:
        return None
    return _Drawing(story, proof, lanes, ticks).chart()


class _Drawing:
    def __init__(self, story: Story, proof: frozenset[str], lanes: int, ticks: int) -> None:
        self._story = story
        self._proof = proof
        self._ticks = ticks
        self._zero = zero(story)
        self._shapes: list[Shape] = []
        self._y = 16
        providers = dict.fromkeys(x.fake for x in story.exchanges)
        self._colour = {name: number % PROVIDERS for number, name in enumerate(providers)}
        self._calls = self._chosen(lanes)
        self._roomy = len(self._calls) <= CROWD
        self._deadline = _number(story.heading.contract.get("deadline"))
        self._span = self._spanned()

    def chart(self) -> Chart:
        if not self._roomy:
            self._crowd()
        for call in self._calls:
            self._lane(call)
        known = {call.canary for call in self._story.calls}
        strangers = [x for x in self._story.exchanges if not x.canary or x.canary not in known]
        if strangers:
            self._words(0, self._y + 11, "exchanges that no caller asked for", "caller")
            self._y += 16
            self._attempts(strangers[:200])
        weather, words = self._sky()
        grid = self._axis()
        left_out = len(self._story.calls) - len(self._calls)
        return Chart([*weather, *grid, *self._shapes, *words], self._y, self._summary(), left_out)

    def _chosen(self, lanes: int) -> list[Call]:
        calls = self._story.calls
        if len(calls) <= lanes:
            return calls
        proven = [call for call in calls if self._proves(call)][: lanes // 2]
        others = [call for call in calls if call not in proven]
        free = lanes - len(proven)
        spread = [others[number * len(others) // free] for number in range(free)]
        return sorted(proven + spread, key=lambda call: call.started)

    def _proves(self, call: Call) -> bool:
        return call.id in self._proof or any(x.id in self._proof for x in self._story.attempts(call))

    def _spanned(self) -> float:
        """Seconds from the left edge to the right one."""
        calls = [call.last for call in self._calls if call.last is not None]
        last = max([*calls, *(x.last for x in self._story.exchanges), self._zero + 10_000_000])
        span = (last - self._zero) / 1e9
        worth = [
            (x.last - self._zero) / 1e9 + wait for x in self._story.exchanges if (wait := asked_to_wait(x)) is not None
        ]
        if self._deadline is not None:
            worth += [(call.started - self._zero) / 1e9 + self._deadline for call in self._calls]
        near = [end for end in worth if end <= 1.6 * span]
        return max([span, *near]) * 1.03

    def _x(self, at: float) -> float:
        share = (at - self._zero) / 1e9 / self._span
        return round(min(max(share, 0.0), 1.0) * 100, 2)

    def _words(self, x: float, y: float, text: str, kind: str, anchor: str = "start", shift: int = 0) -> Words:
        words = Words(x, y, one_line(text, 140), kind, anchor, shift)
        self._shapes.append(words)
        return words

    def _crowd(self) -> None:
        """How many attempts of all callers began when: what no lane can show."""
        starts = [min(int(self._x(x.started) / 100 * BINS), BINS - 1) for x in self._story.exchanges]
        most = max((starts.count(number) for number in set(starts)), default=0)
        if not most:
            return
        wide = seconds(self._span / BINS)
        text = f"attempts of all {count(len(self._story.calls), 'caller')}: at most {most:,} begin within {wide}"
        self._words(0, self._y + 11, text, "caller")
        for number in sorted(set(starts)):
            tall = max(round(34 * starts.count(number) / most, 1), 1.0)
            self._shapes.append(Box(number * 100 / BINS, 100 / BINS, self._y + 50 - tall, tall, "crowd"))
        self._y += 58

    def _lane(self, call: Call) -> None:
        end = call.last
        stop = self._x(end) if end is not None else 100.0
        start = self._x(call.started)
        how, mark = _ending(call)
        title = f"{call.id}{' streamed' if call.stream else ''}: {how}"
        link = Link(call.id, f"call {title}")
        head = Words(0, self._y + 11, title, "caller proof" if call.id in self._proof else "caller")
        link.shapes.append(head)
        high = 10 if self._roomy else 6
        top = self._y + 16
        link.shapes.append(Box(start, max(stop - start, 0.3), top, high, f"call {mark}"))
        for at in self._sampled([chunk[0] for chunk in call.chunks]):
            link.shapes.append(Stroke(at, top, high, "tick"))
        self._shapes.append(link)
        due = None if self._deadline is None else call.started + self._deadline * 1e9
        if due is not None and self._roomy and due <= self._zero + self._span * 1e9:
            label = Words(self._x(due), self._y + 11, f"deadline {seconds(self._deadline or 0)}", "due", "end", -2)
            self._shapes += [words for words in fitted([head, label]) if words.text == label.text]
        self._y = int(top + high + 4)
        self._attempts(self._story.attempts(call))
        if due is not None and due <= self._zero + self._span * 1e9:
            self._shapes.append(Stroke(self._x(due), top - 3, self._y - top + 3, "deadline"))
        self._y += 8 if self._roomy else 3

    def _attempts(self, exchanges: list[Exchange]) -> None:
        rows: list[list[Exchange]] = []
        for exchange in exchanges:
            fitting = next((row for row in rows if row[-1].last <= exchange.started), None)
            if fitting is None:
                rows.append([exchange])
            else:
                fitting.append(exchange)
        for row in rows[:8]:
            self._row(row)

    def _row(self, row: list[Exchange]) -> None:
        high = 14 if self._roomy else 8
        labels: list[Words] = []
        for number, exchange in enumerate(row):
            following = row[number + 1] if number + 1 < len(row) else None
            if following is not None:
                self._gap(exchange, following, high)
            self._shapes.append(self._bar(exchange, high))
            labels.append(self._label(exchange, high + 12))
        self._y += high + 2
        if self._roomy:
            self._shapes += fitted(labels)
            self._y += 14
        self._windows(row)

    def _windows(self, row: list[Exchange]) -> None:
        """For how long replies asked to be left alone, each in a line of its own."""
        asking = [(x, wait) for x in row if (wait := asked_to_wait(x)) is not None]
        high = 13 if self._roomy else 3
        for exchange, wait in asking[:6]:
            end = exchange.last + wait * 1e9
            left, right = self._x(exchange.last), self._x(end)
            self._shapes.append(Box(left, max(right - left, 0.3), self._y, high, "asked"))
            if self._roomy:
                beyond = ", beyond the right edge" if end > self._zero + self._span * 1e9 * 1.001 else ""
                text = f"{exchange.id} asked to be left alone for {seconds(wait)}"
                words = Words(
                    left,
                    self._y + 10,
                    text + beyond,
                    "asking",
                    "start",
                    4,
                    (text, f"asked {seconds(wait)}", seconds(wait)),
                )
                self._shapes += fitted([words])
            self._y += high + 2

    def _gap(self, exchange: Exchange, following: Exchange, high: int) -> None:
        left, right = self._x(exchange.last), self._x(following.started)
        if right - left < 0.4:
            return
        self._shapes.append(Box(left, right - left, self._y + 2, high - 4, "gap"))
        if self._roomy:
            waited = seconds((following.started - exchange.last) / 1e9)
            for text in (f"waited {waited}", waited):
                room = (right - left) / 100
                if len(text) * LETTER + 8 < room * WIDE:
                    roomy = "" if len(text) * LETTER + 8 < room * NARROW else " roomy"
                    self._words((left + right) / 2, self._y + high - 3, text, f"waited{roomy}", "middle")
                    break

    def _bar(self, exchange: Exchange, high: int) -> Link:
        start, stop = self._x(exchange.started), self._x(exchange.last)
        proof = " proof" if exchange.id in self._proof else ""
        provider = f"p{self._colour[exchange.fake]}"
        link = Link(exchange.id, f"{_told(exchange)}, {seconds((exchange.last - exchange.started) / 1e9)}")
        link.shapes.append(Box(start, max(stop - start, 0.7), self._y, high, f"attempt {provider}{proof}"))
        first = self._x(exchange.first_byte) if exchange.first_byte is not None else stop
        last = self._x(exchange.last_byte) if exchange.last_byte is not None else stop
        if first - start > 0.2:
            link.shapes.append(Box(start, first - start, self._y, high, "idle"))
        if exchange.last_byte is not None and stop - last > 0.2:
            link.shapes.append(Box(last, stop - last, self._y, high, "idle"))
        for at in self._sampled([piece[1] for piece in exchange.pieces]) if len(exchange.pieces) > 1 else []:
            link.shapes.append(Stroke(at, self._y + 3, high - 3, "tick"))
        if exchange.faults:
            link.shapes.append(Box(start, max(stop - start, 0.7), self._y, 4 if self._roomy else 3, "fault"))
        return link

    def _label(self, exchange: Exchange, down: int) -> Words:
        kind = f"attempted p{self._colour[exchange.fake]}"
        start, stop = self._x(exchange.started), self._x(exchange.last)
        status = "no reply" if exchange.status is None else str(exchange.status)
        shorter = (f"{exchange.id} {exchange.fake} {status}", f"{exchange.id} {status}", exchange.id)
        if start > 60:
            return Words(max(stop, start + 0.7), self._y + down, _told(exchange), kind, "end", 0, shorter)
        return Words(start, self._y + down, _told(exchange), kind, "start", 0, shorter)

    def _sampled(self, times: list[int]) -> list[float]:
        """Where ticks stand: no two on the same spot, and not more than there is room for."""
        places = list(dict.fromkeys(round(self._x(at) * 4) / 4 for at in times))
        step = -(-len(places) // self._ticks) if places else 1
        return places[::step]

    def _sky(self) -> tuple[list[Shape], list[Words]]:
        """Weather and what else the scenario did: what stands behind everything, and the words above it."""
        shapes: list[Shape] = []
        labels: list[Words] = []
        changes = [event for event in self._story.events if event.what == "weather"]
        for number, event in enumerate(changes):
            names = _weather(event.details.get("rules"))
            if not names:
                continue
            end = changes[number + 1].at if number + 1 < len(changes) else self._zero + self._span * 1e9
            left, right = self._x(event.at), self._x(end)
            if right > left:
                shapes.append(Box(left, right - left, 0, self._y, "weather"))
                labels.append(Words(left, 11, f"weather: {names}", "sky"))
        for event in self._story.events:
            if event.what not in {"weather", "scenario_crashed"}:
                shapes.append(Stroke(self._x(event.at), 0, self._y, "event"))
                labels.append(Words(self._x(event.at), 11, event.what, "sky"))
        return shapes, fitted(sorted(labels, key=lambda words: words.x))

    def _axis(self) -> list[Shape]:
        """Writes the times and returns the lines that stand behind everything."""
        self._y += 4
        lines: list[Shape] = []
        step = _nice(self._span / 6)
        number = 0
        while (at := number * step) <= self._span * 0.985:
            x = self._x(self._zero + at * 1e9)
            lines.append(Stroke(x, 14, self._y - 14, "grid"))
            text = f"{at:g} s" if step >= 0.01 or not at else f"{at * 1000:g} ms"
            self._words(x, self._y + 12, text, "axis roomy" if number % 2 else "axis", "start", 2)
            number += 1
        self._y += 16
        if self._deadline is not None and self._calls and self._deadline > self._span:
            text = f"the deadline of {seconds(self._deadline)} is beyond the right edge"
            self._words(100, self._y + 11, text, "axis", "end")
            self._y += 14
        return lines

    def _summary(self) -> str:
        calls = count(len(self._story.calls), "caller")
        told = "; ".join(_told(x) for x in self._story.exchanges[:6])
        more = f" and {len(self._story.exchanges) - 6} more" if len(self._story.exchanges) > 6 else ""
        attempts = count(len(self._story.exchanges), "attempt")
        return f"Timeline of {seconds(self._span / 1.03)}: {calls}, {attempts}: {told}{more}"


def _told(exchange: Exchange) -> str:
    parts = [exchange.id, exchange.fake, str(exchange.status) if exchange.status is not None else "no reply"]
    if exchange.ended not in {"", "complete"}:
        parts.append(exchange.ended.replace("_", " "))
    if exchange.faults:
        parts.append("⚡ " + ", ".join(dict.fromkeys(exchange.faults)))
    return " ".join(parts)


def _ending(call: Call) -> tuple[str, str]:
    """How a call ended, in words and as a mark."""
    took = "" if call.last is None else seconds((call.last - call.started) / 1e9)
    if call.cancelled is not None:
        return f"the caller left after {took}", "left"
    if call.ended is None:
        return f"neither answer nor error{' in ' + took if took else ''}", "hung"
    if call.error is not None:
        return f"an error ({call.error}) after {took}", "error"
    finish = f", finish {call.finish}" if call.finish else ""
    return f"an answer after {took}{finish}", "answer"


def _weather(rules: Any) -> str:
    """The names of the faults in rules, in whatever nesting they were noted."""
    if isinstance(rules, str):
        return rules
    if isinstance(rules, dict):
        return _weather(rules.get("faults") or rules.get("fault") or list(rules))
    if isinstance(rules, list | tuple):
        return ", ".join(dict.fromkeys(name for rule in rules if (name := _weather(rule))))
    return ""


def _nice(step: float) -> float:
    """The next larger of 1, 2, 5 and their tens."""
    size = 10.0 ** (len(str(int(step))) - 1) if step >= 1 else 1.0
    while size > step:
        size /= 10
    return next((size * factor for factor in (1, 2, 5) if size * factor >= step), size * 10)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 else None
