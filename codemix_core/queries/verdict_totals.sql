-- Number of verdicts by status, most frequent first.
SELECT status, count(*) AS count
FROM verdicts
GROUP BY status
ORDER BY count DESC, status
