-- Generations of one question ($question_id), grouped by identical program.
SELECT
    count(*) AS count,
    list(sample_index ORDER BY sample_index) AS sample_indexes,
    min(sample_index) AS sample_index,
    any_value(g.code) AS code,
    any_value(v.status) AS status,
    any_value(v.score) AS score,
    any_value(v.passed) AS passed,
    any_value(v.declared) AS declared,
    any_value(v.message) AS message
FROM generations g
LEFT JOIN verdicts v USING (question_id, sample_index)
WHERE g.question_id = $question_id
GROUP BY coalesce(g.code, '')
ORDER BY count DESC, sample_index
