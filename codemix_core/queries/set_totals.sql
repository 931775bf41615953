-- Totals of a question set by language, framework, k and split, with the self-check's result.
SELECT
    q.language,
    q.framework,
    q.k,
    coalesce(q.split, 'none') AS split,
    count(*) AS questions,
    count(*) FILTER (r.ok) AS gold_ok,
    count(r.ok) AS checked
FROM questions q
LEFT JOIN "references" r USING (question_id)
GROUP BY ALL
ORDER BY ALL
