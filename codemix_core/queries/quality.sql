-- How good the tests are, per question: mutants of the gold solution that the tests killed,
-- trivial solutions they let pass, and flaky tests. From a test-quality run, or the newest of
-- the set of any other run.
SELECT question_id, ok, mutants, killed, killed / nullif(mutants, 0) AS killed_share, survivors,
       not_compiled, left_out, trivial, trivial_passed, repetitions, flaky
FROM quality
ORDER BY question_id
