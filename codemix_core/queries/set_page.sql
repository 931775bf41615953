-- One page of a question set: filters, one sort key, $limit rows from $offset, with the newest
-- self-check and the pass rate of one scoring run. Filters as in question_page; $checked is '',
-- 'ok', 'failed' or 'unchecked'. Sort keys: source order (''), question_id, k, tests, pass_rate,
-- quality (share of mutants of the gold solution that the tests kill).
-- defaults: {"text": "", "skill": "", "other_skill": "", "k": 0, "split": "", "language": "",
-- "checked": "", "sort": "", "descending": false, "limit": 2147483647, "offset": 0}
WITH judged AS (
    SELECT question_id, count(*) FILTER (score = 1) / nullif(count(score), 0) AS pass_rate
    FROM verdicts
    GROUP BY question_id
),
joined AS (
    SELECT
        q.*,
        row_number() OVER () AS source_order,
        r.ok,
        r.status AS gold_status,
        coalesce(
            nullif(len(r.declared), 0),
            CASE WHEN q.framework = 'cases' THEN json_array_length(q.tests, '$.cases') END
        ) AS test_count,
        u.killed / nullif(u.mutants, 0) AS quality,
        len(u.trivial_passed) + len(u.flaky) AS quality_flaws,
        j.pass_rate
    FROM questions q
    LEFT JOIN "references" r USING (question_id)
    LEFT JOIN quality u USING (question_id)
    LEFT JOIN judged j USING (question_id)
),
matching AS (
    SELECT
        *,
        CASE $sort
            WHEN '' THEN source_order
            WHEN 'k' THEN k
            WHEN 'tests' THEN test_count
            WHEN 'pass_rate' THEN pass_rate
            WHEN 'quality' THEN quality
        END::DOUBLE AS sort_key
    FROM joined
    WHERE ($text = '' OR contains(lower(concat_ws(' ', question_id, function_name, statement)), lower($text)))
      AND ($skill = '' OR list_contains(skills, $skill))
      AND ($other_skill = '' OR list_contains(skills, $other_skill))
      AND ($k = 0 OR k = $k)
      AND ($split = '' OR coalesce(split, 'none') = $split)
      AND ($language = '' OR language = $language)
      AND ($checked = '' OR $checked = CASE ok WHEN true THEN 'ok' WHEN false THEN 'failed' ELSE 'unchecked' END)
)
SELECT
    question_id, skills, k, split, language, framework, test_count AS tests, ok, gold_status, quality,
    quality_flaws, pass_rate, count(*) OVER () AS matching
FROM matching
ORDER BY
    CASE WHEN $descending THEN -sort_key ELSE sort_key END NULLS LAST,
    CASE WHEN $descending AND $sort = 'question_id' THEN question_id END DESC,
    question_id
LIMIT $limit OFFSET $offset
