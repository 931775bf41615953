-- Self-check of a question set: gold result per question.
SELECT question_id, ok, status, len(declared) AS declared, message, seconds, memory_mb,
       limit_seconds, limit_memory_mb, tests
FROM "references"
ORDER BY question_id
