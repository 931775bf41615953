from solution import shelve


def test_no_books():
    assert shelve([]) == []


def test_titles_sort_without_regard_to_case():
    assert shelve([("beta", 1), ("Gamma", 1), ("Alpha", 1)]) == ["Alpha", "beta", "Gamma"]


def test_articles_are_ignored():
    books = [("Zoo", 1), ("The Bear", 2), ("A Cat", 3), ("An Apple", 4), ("Beaver", 5)]
    assert shelve(books) == ["An Apple", "The Bear", "Beaver", "A Cat", "Zoo"]


def test_articles_are_ignored_in_any_case():
    assert shelve([("THE cow", 1), ("bull", 1), ("aN ape", 1)]) == ["aN ape", "bull", "THE cow"]


def test_only_one_article_is_ignored():
    assert shelve([("Ab", 1), ("The A Team", 1), ("The The Song", 1), ("Az", 1)]) == [
        "The A Team",
        "Ab",
        "Az",
        "The The Song",
    ]
    assert shelve([("An A Tale", 1), ("Ab", 1), ("Tale", 1)]) == ["An A Tale", "Ab", "Tale"]
    assert shelve([("The An Ox", 1), ("Bee", 1)]) == ["The An Ox", "Bee"]
    assert shelve([("A An Ox", 1), ("Bee", 1)]) == ["A An Ox", "Bee"]


def test_words_that_merely_begin_like_an_article_stay():
    assert shelve([("Theory", 1), ("Ox", 1), ("Animal", 1), ("Ask", 1)]) == [
        "Animal",
        "Ask",
        "Ox",
        "Theory",
    ]


def test_an_article_alone_is_a_title():
    assert shelve([("The", 1), ("Sun", 1), ("Um", 1)]) == ["Sun", "The", "Um"]


def test_newest_first_among_equal_titles():
    books = [("The Sea", 1990), ("sea", 2005), ("A Sea", 1970), ("Rain", 1800)]
    assert shelve(books) == ["Rain", "sea", "The Sea", "A Sea"]


def test_equal_books_keep_their_order():
    books = [("SEA", 2000), ("sea", 2000), ("Sea", 2000)]
    assert shelve(books) == ["SEA", "sea", "Sea"]
