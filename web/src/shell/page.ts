/* A page that is fetched when somebody goes there. Where it cannot be, `Failed` stands in its place until it can. */
import { lazyRouteComponent, type AsyncRouteComponent } from '@tanstack/react-router'
import { problemOf } from '../api/problem'

/** What the router knows as a part that was not fetched it loads the whole page for, which a server that is gone does not give out either. */
export function page<Name extends string>(part: () => Promise<Record<Name, () => React.ReactNode>>, name: Name): AsyncRouteComponent<object> {
  const fetched = async (): Promise<Record<string, () => React.ReactNode>> => {
    try {
      return await part()
    } catch (thrown) {
      throw problemOf(thrown)
    }
  }
  return lazyRouteComponent(fetched, name)
}
