-- Number of questions per unordered pair of skills; a skill with itself: all questions with it.
WITH members AS (
    SELECT question_id, unnest(list_distinct(skills)) AS skill FROM questions
)
SELECT a.skill AS skill, b.skill AS other_skill, count(*) AS questions
FROM members a
JOIN members b ON a.question_id = b.question_id AND a.skill <= b.skill
GROUP BY ALL
ORDER BY ALL
