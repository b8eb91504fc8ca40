# SPDX-License-Identifier: Apache-2.0
"""Draws a graph without cycles as SVG: layered boxes, arrows down, implied arrows left out."""

CHARACTER_PX = 8.2
BOX_PADDING_PX = 14
BOX_HEIGHT_PX = 34
ROW_PX = 92
GAP_PX = 26
BEND_WIDTH_PX = 6
MARGIN_PX = 24
SWEEPS = 24

# Fill and border by the beginning of a layer's name; the first that fits counts.
COLOURS = [
    ("include/", "#fff3c4", "#b7950b"),
    ("host/", "#d6e6f7", "#2f6ea8"),
    ("abi", "#e4e4e4", "#666666"),
    ("wire", "#e4e4e4", "#666666"),
    ("monitor", "#e4e4e4", "#666666"),
    ("guest", "#d9f0dc", "#3c8d4c"),
    ("", "#f4dfef", "#95487f"),
]
LEGEND = [
    ("public headers", 0),
    ("contract of both sides", 2),
    ("host", 1),
    ("guest", 5),
    ("clients of the public API", 6),
]


def reduce_edges(edges):
    """Drops every edge that a longer way implies."""
    reach = {}

    def reachable(name):
        if name not in reach:
            reach[name] = set()
            for target in edges.get(name, ()):
                reach[name] |= {target} | reachable(target)
        return reach[name]

    return {
        name: sorted(t for t in targets if not any(t in reachable(o) for o in targets if o != t))
        for name, targets in edges.items()
    }


def rank_nodes(nodes, edges):
    """Height of each node: one more than the highest it points at."""
    ranks = {}

    def rank(name):
        if name not in ranks:
            ranks[name] = 1 + max((rank(t) for t in edges[name]), default=-1)
        return ranks[name]

    for name in nodes:
        rank(name)
    # A node that nothing rests on goes down no further; one that others rest on moves up to them.
    for name in sorted(nodes, key=lambda n: -ranks[n]):
        above = [ranks[n] for n in nodes if name in edges[n]]
        if above:
            ranks[name] = min(above) - 1
    return ranks


class Layout:
    """Rows of items: boxes, and bends where an arrow passes a row."""

    def __init__(self, nodes, edges):
        self.ranks = rank_nodes(nodes, edges)
        self.rows = [[] for _ in range(max(self.ranks.values()) + 1)]
        self.below = {}
        self.above = {}
        self.chains = []
        for name in nodes:
            self.rows[self.ranks[name]].append(name)
        for name in nodes:
            for target in edges[name]:
                self.add_chain(name, target)
        self.order()
        self.x = self.place()

    def add_chain(self, name, target):
        chain = [name]
        for rank in range(self.ranks[name] - 1, self.ranks[target], -1):
            bend = (name, target, rank)
            self.rows[rank].append(bend)
            chain.append(bend)
        chain.append(target)
        for upper, lower in zip(chain, chain[1:]):
            self.below.setdefault(upper, []).append(lower)
            self.above.setdefault(lower, []).append(upper)
        self.chains.append(chain)

    def crossings(self):
        total = 0
        for rank in range(1, len(self.rows)):
            place = {item: i for i, item in enumerate(self.rows[rank - 1])}
            ends = [
                (i, place[lower])
                for i, upper in enumerate(self.rows[rank])
                for lower in self.below.get(upper, [])
            ]
            total += sum(
                (a[0] - b[0]) * (a[1] - b[1]) < 0 for i, a in enumerate(ends) for b in ends[:i]
            )
        return total

    def order(self):
        """Fewer crossings: sort rows by the mean place of neighbours, and keep the best seen."""
        best = [list(row) for row in self.rows]
        fewest = self.crossings()
        for sweep in range(SWEEPS):
            downwards = sweep % 2 == 0
            ranks = range(len(self.rows) - 2, -1, -1) if downwards else range(1, len(self.rows))
            neighbours = self.above if downwards else self.below
            for rank in ranks:
                fixed = self.rows[rank + 1 if downwards else rank - 1]
                self.sort_row(rank, fixed, neighbours)
            self.swap_neighbours()
            count = self.crossings()
            if count < fewest:
                fewest, best = count, [list(row) for row in self.rows]
        self.rows = best

    def sort_row(self, rank, fixed, neighbours):
        place = {item: i for i, item in enumerate(fixed)}
        row = self.rows[rank]

        def mean(item):
            places = [place[n] for n in neighbours.get(item, [])]
            return sum(places) / len(places) if places else row.index(item)

        self.rows[rank] = sorted(row, key=mean)

    def swap_neighbours(self):
        for row in self.rows:
            for i in range(len(row) - 1):
                before = self.crossings()
                row[i], row[i + 1] = row[i + 1], row[i]
                if self.crossings() >= before:
                    row[i], row[i + 1] = row[i + 1], row[i]

    def place(self):
        """Centres of all items: drawn towards their neighbours, never into one another."""
        x = {}
        for row in self.rows:
            left = 0.0
            for item in row:
                x[item] = left + width(item) / 2
                left += width(item) + GAP_PX
        for _ in range(SWEEPS * 4):
            for row in self.rows:
                self.relax(row, x)
        leftmost = min(x[item] - width(item) / 2 for row in self.rows for item in row)
        return {item: centre - leftmost + MARGIN_PX for item, centre in x.items()}

    def relax(self, row, x):
        def wish(item):
            near = self.above.get(item, []) + self.below.get(item, [])
            return sum(x[n] for n in near) / len(near) if near else x[item]

        wishes = [wish(item) for item in row]
        from_left, from_right = list(wishes), list(wishes)
        for i in range(1, len(row)):
            least = from_left[i - 1] + spacing(row[i - 1], row[i])
            from_left[i] = max(from_left[i], least)
        for i in range(len(row) - 2, -1, -1):
            most = from_right[i + 1] - spacing(row[i], row[i + 1])
            from_right[i] = min(from_right[i], most)
        for i, item in enumerate(row):
            x[item] = (from_left[i] + from_right[i]) / 2


def width(item):
    if isinstance(item, tuple):
        return BEND_WIDTH_PX
    return len(item) * CHARACTER_PX + 2 * BOX_PADDING_PX


def spacing(left, right):
    return (width(left) + width(right)) / 2 + GAP_PX


def colour_of(name):
    return next((fill, line) for start, fill, line in COLOURS if name.startswith(start))


def svg_box(name, x, y):
    fill, line = colour_of(name)
    left, top = x - width(name) / 2, y - BOX_HEIGHT_PX / 2
    return (
        f'<rect x="{left:.0f}" y="{top:.0f}" width="{width(name):.0f}" height="{BOX_HEIGHT_PX}"'
        f' rx="5" fill="{fill}" stroke="{line}"/>\n'
        f'<text x="{x:.0f}" y="{y + 5:.0f}" text-anchor="middle">{name}</text>\n'
    )


def svg_arrow(points, colour):
    """A curve through the points, upright at each of them."""
    (x, y), rest = points[0], points[1:]
    path = f"M{x:.0f} {y:.0f}"
    for next_x, next_y in rest:
        middle = (y + next_y) / 2
        path += f" C{x:.0f} {middle:.0f} {next_x:.0f} {middle:.0f} {next_x:.0f} {next_y:.0f}"
        x, y = next_x, next_y
    return f'<path d="{path}" fill="none" stroke="{colour}" marker-end="url(#tip)"/>\n'


def spread(items, layout, item, side):
    """Where on the edge of a box the arrow to or from each of items ends."""
    ordered = sorted(items, key=lambda other: layout.x[other])
    room = width(item) - 2 * BOX_PADDING_PX
    step = room / (len(ordered) + 1)
    return layout.x[item] - room / 2 + step * (ordered.index(side) + 1)


def arrow_points(chain, layout, row_y):
    start, end = chain[0], chain[-1]
    points = [
        (spread(layout.below[start], layout, start, chain[1]),
         row_y[layout.ranks[start]] + BOX_HEIGHT_PX / 2)
    ]  # fmt: skip
    for bend in chain[1:-1]:
        y = row_y[bend[2]]
        points += [(layout.x[bend], y - BOX_HEIGHT_PX / 2), (layout.x[bend], y + BOX_HEIGHT_PX / 2)]
    points.append(
        (spread(layout.above[end], layout, end, chain[-2]),
         row_y[layout.ranks[end]] - BOX_HEIGHT_PX / 2 - 1)
    )  # fmt: skip
    return points


def svg_legend(y):
    text, x = "", MARGIN_PX
    for label, index in LEGEND:
        _, fill, line = COLOURS[index]
        text += f'<rect x="{x}" y="{y}" width="14" height="14" fill="{fill}" stroke="{line}"/>\n'
        text += f'<text x="{x + 20}" y="{y + 12}">{label}</text>\n'
        x += 44 + round(len(label) * CHARACTER_PX * 0.85)
    return text, x


def draw(nodes, edges):
    """The SVG text for nodes (names) and edges (name -> names it points at)."""
    layout = Layout(nodes, reduce_edges(edges))
    top = len(layout.rows) - 1
    row_y = [MARGIN_PX + BOX_HEIGHT_PX / 2 + (top - rank) * ROW_PX for rank in range(top + 1)]
    legend_y = round(row_y[0] + BOX_HEIGHT_PX / 2 + MARGIN_PX)
    legend, legend_right = svg_legend(legend_y)
    right = max(layout.x[item] + width(item) / 2 for row in layout.rows for item in row)
    size = (round(max(right, legend_right) + MARGIN_PX), legend_y + 14 + MARGIN_PX)
    arrows = "".join(
        svg_arrow(arrow_points(chain, layout, row_y), colour_of(chain[0])[1])
        for chain in layout.chains
    )
    boxes = "".join(svg_box(n, layout.x[n], row_y[layout.ranks[n]]) for n in nodes)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        "<!-- SPDX-License-Identifier: Apache-2.0 -->\n"
        "<!-- Drawn by scripts/check_layers.py from layers.txt: change that instead. -->\n"
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size[0]}" height="{size[1]}"'
        f' viewBox="0 0 {size[0]} {size[1]}" font-family="sans-serif" font-size="14">\n'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8"'
        ' markerHeight="8" orient="auto"><path d="M0 0L8 4L0 8z" fill="#444444"/></marker></defs>\n'
        f'<rect width="{size[0]}" height="{size[1]}" fill="#ffffff"/>\n'
        f"{arrows}{boxes}{legend}</svg>\n"
    )
