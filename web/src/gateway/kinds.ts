/* What providers can speak. */
export const KINDS = ['openai', 'azure', 'anthropic', 'gemini', 'bedrock'] as const
