import { expect, test } from 'vitest'
import { gathered } from './names'

const named = (id: string) => ({ node_id: id, kind: 'release', title: `${id} v1` })

test('what is asked at once is asked in one, each id once', async () => {
  const asked: string[][] = []
  const nameOf = gathered((ids) => (asked.push(ids), Promise.resolve(ids.filter((id) => id !== 'nobody').map(named))))

  const names = await Promise.all(['a', 'b', 'a', 'nobody'].map(nameOf))

  expect(asked).toEqual([['a', 'b', 'nobody']])
  expect(names.map((one) => one?.title)).toEqual(['a v1', 'b v1', 'a v1', undefined])
})

test('more than the server names at once are asked in several', async () => {
  const asked: number[] = []
  const nameOf = gathered((ids) => (asked.push(ids.length), Promise.resolve(ids.map(named))))

  await Promise.all(Array.from({ length: 150 }, (_, at) => nameOf(`id${at}`)))

  expect(asked).toEqual([100, 50])
})

test('a failure is told to everybody who asked, and nobody after them', async () => {
  let isDown = true
  const nameOf = gathered((ids) => (isDown ? Promise.reject(new Error('down')) : Promise.resolve(ids.map(named))))

  await expect(Promise.all([nameOf('a'), nameOf('b')])).rejects.toThrow('down')
  isDown = false

  expect((await nameOf('a'))?.title).toBe('a v1')
})
