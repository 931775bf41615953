-- One page of the per-question table of a run: filters, one sort key, $limit rows from $offset.
-- An empty text, 0 for $k and the full band [0, 1] mean no filter. With a baseline run, its pass
-- rate and the difference stand beside. Sort keys: question_id, k, n, pass_rate, mean_score,
-- programs, baseline_rate, difference.
-- defaults: {"text": "", "skill": "", "other_skill": "", "k": 0, "split": "", "status": "",
-- "low": 0.0, "high": 1.0, "sort": "question_id", "descending": false, "limit": 2147483647, "offset": 0}
WITH sampled AS (
    SELECT question_id, count(*) AS n FROM generations GROUP BY question_id
),
judged AS (
    SELECT
        question_id,
        count(score) AS scored,
        count(*) FILTER (score = 1) AS correct,
        avg(score) AS mean_score,
        count(DISTINCT program_hash) AS programs,
        list(DISTINCT status) AS statuses
    FROM verdicts
    GROUP BY question_id
),
baseline AS (
    SELECT question_id, count(*) FILTER (score = 1) / nullif(count(score), 0) AS baseline_rate
    FROM baseline_verdicts
    GROUP BY question_id
),
joined AS (
    SELECT
        q.question_id,
        q.skills,
        q.k,
        q.split,
        q.language,
        s.n,
        coalesce(j.scored, 0) AS scored,
        coalesce(j.correct, 0) AS correct,
        j.correct / nullif(j.scored, 0) AS pass_rate,
        j.mean_score,
        coalesce(j.programs, 0) AS programs,
        b.baseline_rate,
        j.correct / nullif(j.scored, 0) - b.baseline_rate AS difference,
        u.killed / nullif(u.mutants, 0) AS quality,
        len(u.trivial_passed) + len(u.flaky) AS quality_flaws,
        coalesce(j.statuses, []) AS statuses,
        q.function_name,
        q.statement
    FROM sampled s
    JOIN questions q USING (question_id)
    LEFT JOIN judged j USING (question_id)
    LEFT JOIN baseline b USING (question_id)
    LEFT JOIN quality u USING (question_id)
),
matching AS (
    SELECT
        *,
        CASE $sort
            WHEN 'k' THEN k
            WHEN 'n' THEN n
            WHEN 'pass_rate' THEN pass_rate
            WHEN 'mean_score' THEN mean_score
            WHEN 'programs' THEN programs
            WHEN 'baseline_rate' THEN baseline_rate
            WHEN 'difference' THEN difference
        END::DOUBLE AS sort_key
    FROM joined
    WHERE ($text = '' OR contains(lower(concat_ws(' ', question_id, function_name, statement)), lower($text)))
      AND ($skill = '' OR list_contains(skills, $skill))
      AND ($other_skill = '' OR list_contains(skills, $other_skill))
      AND ($k = 0 OR k = $k)
      AND ($split = '' OR coalesce(split, 'none') = $split)
      AND ($status = '' OR list_contains(statuses, $status))
      AND (($low <= 0 AND $high >= 1) OR pass_rate BETWEEN $low AND $high)
)
SELECT
    question_id, skills, k, split, language, n, scored, correct, pass_rate, mean_score, programs,
    baseline_rate, difference, quality, quality_flaws, count(*) OVER () AS matching
FROM matching
ORDER BY
    CASE WHEN $descending THEN -sort_key ELSE sort_key END NULLS LAST,
    CASE WHEN $descending AND $sort = 'question_id' THEN question_id END DESC,
    question_id
LIMIT $limit OFFSET $offset
