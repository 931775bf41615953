"""How good a question's tests are: mutants of its gold solution, trivial solutions, repetition."""
