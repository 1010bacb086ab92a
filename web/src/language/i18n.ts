/* The texts of the page: Lingui's, but that what a text is filled with stays as people and models wrote it. Lingui reads escapes such as
   \u00e9 in the finished text; those of a value are kept from it. */
import { I18n, type MessageDescriptor, type MessageId, type MessageOptions } from '@lingui/core'

type Values = Record<string, unknown>

class Texts extends I18n {
  override _(descriptor: MessageDescriptor): string
  override _(id: MessageId, values?: Values, options?: MessageOptions): string
  override _(id: MessageDescriptor | MessageId, values?: Values, options?: MessageOptions): string {
    return typeof id === 'string' ? super._(id, kept(values), options) : super._({ ...id, values: kept(id.values) })
  }
}

export const i18n = new Texts({})

/** A backslash that would begin an escape is written as one. */
function kept(values: Values | undefined): Values | undefined {
  return values && Object.fromEntries(Object.entries(values).map(([name, value]) => [name, typeof value === 'string' ? value.replace(/\\(?=[ux])/g, '\\x5c') : value]))
}
