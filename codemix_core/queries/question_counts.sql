-- Per question of the run: samples, scored samples (infrastructure errors left out), correct
-- ones, sum of scores and the number of each status.
SELECT
    q.question_id,
    q.k,
    q.skills,
    q.language,
    q.framework,
    q.split,
    q.function_name,
    count(g.sample_index) AS n,
    count(v.score) AS scored,
    count(*) FILTER (v.score = 1) AS correct,
    coalesce(sum(v.score), 0.0) AS score_sum,
    CASE WHEN count(v.score) > 0 THEN count(*) FILTER (v.score = 1) / count(v.score) END AS pass_rate,
    count(*) FILTER (v.status = 'passed') AS passed,
    count(*) FILTER (v.status = 'failed') AS failed,
    count(*) FILTER (v.status = 'compile_error') AS compile_error,
    count(*) FILTER (v.status = 'timeout') AS timeout,
    count(*) FILTER (v.status = 'memory_exceeded') AS memory_exceeded,
    count(*) FILTER (v.status = 'output_exceeded') AS output_exceeded,
    count(*) FILTER (v.status = 'crashed') AS crashed,
    count(*) FILTER (v.status = 'no_code') AS no_code,
    count(*) FILTER (v.status = 'tampered') AS tampered,
    count(*) FILTER (v.status = 'infra_error') AS infra_error,
    coalesce(sum(g.completion_tokens), 0) AS tokens
FROM generations g
JOIN questions q USING (question_id)
LEFT JOIN verdicts v USING (question_id, sample_index)
GROUP BY ALL
ORDER BY q.question_id
