-- Verdicts of earlier scoring runs by program hash, newest wins; infrastructure errors never count.
SELECT arg_max(v, filename) AS verdict
FROM (SELECT * FROM verdicts WHERE status <> 'infra_error') v
SEMI JOIN hashes USING (program_hash)
GROUP BY program_hash
