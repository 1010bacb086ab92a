/* A thing by the name people use, linked to its page; by its id where it has none. */
import { Link } from '@tanstack/react-router'
import { useNamed } from './names'
import { placeOf } from './places'

export function NamedLink({ id }: { id: string }) {
  const named = useNamed(id)
  const place = named ? placeOf(named) : null
  if (!named || place === null) return <code>{id}</code>
  return <Link to={place}>{named.title}</Link>
}
