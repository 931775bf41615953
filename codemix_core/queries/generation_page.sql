-- One page of generations for browsing: filters on question, status ('unscored' for those without
-- a verdict), text and length in tokens, then $limit rows from $offset. An empty filter value
-- means no filter.
-- defaults: {"question_id": "", "status": "", "text": "", "min_tokens": 0,
-- "max_tokens": 2147483647, "limit": 2147483647, "offset": 0}
SELECT
    g.question_id,
    g.sample_index,
    v.status,
    v.score,
    v.passed,
    v.declared,
    g.completion_tokens,
    g.finish_reason,
    count(*) OVER () AS matching
FROM generations g
LEFT JOIN verdicts v USING (question_id, sample_index)
WHERE ($question_id = '' OR g.question_id = $question_id)
  AND ($status = '' OR coalesce(v.status, 'unscored') = $status)
  AND ($text = '' OR contains(lower(g.raw_output), lower($text)))
  AND coalesce(g.completion_tokens, 0) BETWEEN $min_tokens AND $max_tokens
ORDER BY g.question_id, g.sample_index
LIMIT $limit OFFSET $offset
