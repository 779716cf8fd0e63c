def render(r): return ""
def frame(r): return ""
def numbered(source):
    numbers = source.numbers or range(source.first, source.first+len(source.lines))
    return list(zip(numbers, source.lines))
