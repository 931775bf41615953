-- Totals of a sampling run: samples, questions, tokens, answers without a program, cut answers.
SELECT
    count(*) AS samples,
    count(DISTINCT question_id) AS questions,
    coalesce(sum(completion_tokens), 0) AS tokens,
    count(*) FILTER (code IS NULL) AS no_code,
    count(*) FILTER (finish_reason = 'length') AS cut_off,
    median(completion_tokens) AS median_tokens
FROM generations
