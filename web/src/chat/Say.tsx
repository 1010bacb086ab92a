/* Thumbs and a comment on one answer: what is said last holds. */
import { t } from '@lingui/core/macro'
import { Button, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api, body } from '../api/client'
import { problemOf } from '../api/problem'
import { useMay } from '../governance/queries'
import { ThumbDownIcon, ThumbUpIcon } from '../ui/icons'

type Said = { value: 0 | 1; comment: string }

/** `thumb`: what was said of it before. */
export function Say({ traceId, thumb: before, told }: { traceId: string; thumb: 0 | 1 | null; told: (thumb: 0 | 1) => void }) {
  const may = useMay('feedback.write')
  const requests = useQueryClient()
  const [value, setValue] = useState<0 | 1 | null>(before)
  const [comment, setComment] = useState('')
  const say = useMutation({
    mutationFn: ({ value: thumb, comment: words }: Said) => body(api.POST('/api/v1/feedback', { body: { trace_id: traceId, name: 'thumbs', value: thumb, source: 'user', ...(words !== '' && { comment: words }) } })),
    onSuccess: (_, { value: thumb }) => {
      told(thumb)
      return requests.invalidateQueries({ queryKey: ['feedback', traceId] })
    },
  })
  if (!may) return null
  const thumb = (chosen: 0 | 1): void => {
    setValue(chosen)
    say.mutate({ value: chosen, comment: comment.trim() })
  }
  return (
    <form
      className="row"
      aria-label={t`What do you say of this answer?`}
      onSubmit={(event) => {
        event.preventDefault()
        if (value !== null) say.mutate({ value, comment: comment.trim() })
      }}
    >
      <Button size="compact-sm" variant={value === 1 ? 'light' : 'default'} aria-pressed={value === 1} leftSection={<ThumbUpIcon size={14} />} onClick={() => thumb(1)}>{t`Good`}</Button>
      <Button size="compact-sm" variant={value === 0 ? 'light' : 'default'} aria-pressed={value === 0} leftSection={<ThumbDownIcon size={14} />} onClick={() => thumb(0)}>{t`Bad`}</Button>
      {value !== null && (
        <>
          <TextInput size="xs" w={260} maw="100%" aria-label={t`Comment on this answer`} placeholder={t`Why, if you like`} maxLength={4000} value={comment} onChange={(event) => setComment(event.currentTarget.value)} />
          <Button size="compact-sm" type="submit" variant="default" disabled={comment.trim() === ''} loading={say.isPending}>{t`Say it`}</Button>
        </>
      )}
      <span role="status" className="dim">{say.isSuccess && t`Kept with its trace.`}{say.error && problemOf(say.error).detail}</span>
    </form>
  )
}
