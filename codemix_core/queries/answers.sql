-- Some generations of one question ($question_id) with their verdicts.
-- $samples: sample indexes as text, separated by commas.
SELECT
    g.sample_index,
    g.raw_output,
    g.code,
    g.finish_reason,
    g.completion_tokens,
    v.* EXCLUDE (question_id, sample_index)
FROM generations g
LEFT JOIN verdicts v USING (question_id, sample_index)
WHERE g.question_id = $question_id
    AND list_contains(string_split($samples, ',')::INTEGER[], g.sample_index)
ORDER BY g.sample_index
