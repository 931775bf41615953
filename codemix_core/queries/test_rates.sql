-- For every test of every question in a scoring run: how many different sampled programs ran
-- its question's tests, and how many of them passed it. A test that none or every one passes
-- tells programs apart no better than no test.
WITH programs AS (
    SELECT question_id, program_hash, any_value(tests) AS tests
    FROM verdicts
    WHERE status NOT IN ('no_code', 'compile_error', 'infra_error')
    GROUP BY question_id, program_hash
),
results AS (
    SELECT question_id, generate_subscripts(tests, 1) AS position, unnest(tests) AS test
    FROM programs
)
SELECT
    question_id,
    test.name AS test,
    count(*) AS programs,
    count(*) FILTER (test.status = 'passed') AS passed,
    CASE count(*) FILTER (test.status = 'passed')
        WHEN 0 THEN 'none'
        WHEN count(*) THEN 'all'
        ELSE 'some'
    END AS passed_by
FROM results
GROUP BY question_id, test.name
ORDER BY question_id, min(position), test.name
