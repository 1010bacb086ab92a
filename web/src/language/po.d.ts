/* A catalogue as the build makes it: compiled messages by id. */
declare module '*.po' {
  import type { Messages } from '@lingui/core'

  export const messages: Messages
}
