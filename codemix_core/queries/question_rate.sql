-- Samples, scored and correct ones of one question ($question_id) in a scoring run.
SELECT count(*) AS n, count(score) AS scored, count(*) FILTER (score = 1) AS correct,
       avg(score) AS mean_score
FROM verdicts
WHERE question_id = $question_id
