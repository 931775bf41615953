-- One generation ($question_id, $sample_index) with its verdict.
SELECT g.*, v.* EXCLUDE (question_id, sample_index)
FROM generations g
LEFT JOIN verdicts v USING (question_id, sample_index)
WHERE g.question_id = $question_id AND g.sample_index = $sample_index
