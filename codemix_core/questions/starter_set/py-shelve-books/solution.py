def shelve(books: list[tuple[str, int]]) -> list[str]:
    def key(book: tuple[str, int]) -> tuple[str, int]:
        title = book[0].lower()
        for article in ("the ", "a ", "an "):
            if title.startswith(article):
                title = title[len(article) :]
                break
        return title, -book[1]

    return [book[0] for book in sorted(books, key=key)]
