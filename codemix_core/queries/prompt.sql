-- The prompt of one question ($question_id) in a sampling run.
SELECT messages, rendered, prompt_tokens, problem FROM prompts WHERE question_id = $question_id
