-- The generation ($question_id, $sample_index) among those that match the filters: its place and
-- the ones before and after it. Filters as in generation_page; no row when it does not match.
WITH matching AS (
    SELECT
        g.question_id,
        g.sample_index,
        row_number() OVER places AS place,
        count(*) OVER () AS matching,
        lag(g.question_id) OVER places AS previous_question,
        lag(g.sample_index) OVER places AS previous_sample,
        lead(g.question_id) OVER places AS next_question,
        lead(g.sample_index) OVER places AS next_sample
    FROM generations g
    LEFT JOIN verdicts v USING (question_id, sample_index)
    WHERE ($filter_question = '' OR g.question_id = $filter_question)
      AND ($status = '' OR coalesce(v.status, 'unscored') = $status)
      AND ($text = '' OR contains(lower(g.raw_output), lower($text)))
      AND coalesce(g.completion_tokens, 0) BETWEEN $min_tokens AND $max_tokens
    WINDOW places AS (ORDER BY g.question_id, g.sample_index)
)
SELECT * FROM matching
WHERE question_id = $question_id AND sample_index = $sample_index
