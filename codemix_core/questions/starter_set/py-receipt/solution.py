def receipt(order: str, width: int) -> str:
    def line(text: str, cents: int) -> str:
        amount = "%d.%02d" % divmod(cents, 100)
        return text + " " + "." * (width - len(text) - len(amount) - 2) + " " + amount

    lines = []
    total = 0
    for entry in order.split(";"):
        left, price = entry.split("@")
        count, name = left.split(maxsplit=1)
        cents = int(count) * int(price.replace(".", ""))
        total += cents
        lines.append(line(name.strip() + (" x" + count if count != "1" else ""), cents))
    return "\n".join([*lines, "-" * width, line("total", total)])
