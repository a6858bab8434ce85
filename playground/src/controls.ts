/** The controls, made from the parameter guide: one row per parameter. */

import { isClipFormat } from '@media-proxy/shared/formats.ts'
import type { ParameterGuide } from '@media-proxy/shared/request/parameter-guide.ts'
import { h } from './dom.ts'

export interface Controls {
  /** Shows the rows of these parameters, with the values of a state. */
  update(shown: readonly ParameterGuide[], values: Readonly<Record<string, string>>, bounds: Bounds): void
}

/** The properties of the source that affect the controls, as far as they are known. */
export interface Bounds {
  readonly sidePixels: number | undefined
  readonly isVideo: boolean
  /** The names of the configured presets. */
  readonly presets: readonly string[]
}

type OnChange = (name: string, value: string | undefined) => void

interface Row {
  readonly element: HTMLElement
  set(value: string | undefined, bounds: Bounds): void
}

const OF_VIDEOS: ReadonlySet<string> = new Set(['time', 'sprite'])
/** Parameters that only clips and previews have. */
const CLIP_PARAMETERS: ReadonlySet<string> = new Set(['duration', 'fps', 'audio'])

function isAnimated({ format, animated }: Readonly<Record<string, string>>): boolean {
  return isClipFormat(format ?? '') || animated === 'true'
}

/** Up to this number of choices are buttons in a row, more are a list. */
const MAX_SEGMENTS = 4
/** The maximum of a slider when the size of the source is not known. */
const USUAL_SIDE_PIXELS = 2048

export function createControls(
  container: HTMLElement,
  guide: readonly ParameterGuide[],
  onChange: OnChange,
): Controls {
  const rows = new Map<string, Row>()
  for (const parameter of guide) {
    const row = createRow(parameter, (value) => onChange(parameter.name, value))
    rows.set(parameter.name, row)
    container.append(row.element)
  }
  return {
    update(shown, values, bounds) {
      const names = new Set(shown.map(({ name }) => name))
      for (const [name, row] of rows) {
        row.element.hidden =
          !names.has(name) ||
          (OF_VIDEOS.has(name) && !bounds.isVideo) ||
          (CLIP_PARAMETERS.has(name) && !isAnimated(values))
        row.set(values[name], bounds)
      }
    },
  }
}

function createRow(parameter: ParameterGuide, onChange: (value: string | undefined) => void): Row {
  const { values } = parameter
  switch (values.kind) {
    case 'choice':
      return values.of.length <= MAX_SEGMENTS
        ? segmentsRow(parameter, values.of, onChange)
        : listRow(parameter, values.of, onChange)
    case 'flag':
      return segmentsRow(parameter, ['true', 'false'], onChange)
    case 'number':
      return numberRow(parameter, values, [], onChange)
    case 'quality':
      return numberRow(parameter, values, values.names, onChange)
    case 'time':
      return textRow(parameter, '1.5, 50% or best', ['best'], onChange)
    case 'seconds':
      return textRow(parameter, '1.5', [], onChange)
    case 'text':
      return textRow(parameter, values.placeholder, [], onChange)
  }
}

function rowElement(
  { name, summary, defaultText }: ParameterGuide,
  label: HTMLElement,
  ...inputs: HTMLElement[]
) {
  const hint = h('p', { class: 'hint', id: `hint-${name}` }, ...marked(`${summary} Default: ${defaultText}.`))
  return h(
    'div',
    { class: 'control', 'data-parameter': name },
    label,
    h('div', { class: 'inputs' }, ...inputs),
    hint,
  )
}

/** Formats a text: the parts between backticks become code. */
function marked(text: string): readonly (string | HTMLElement)[] {
  return text.split('`').map((part, index) => (index % 2 === 0 ? part : h('code', {}, part)))
}

function segmentsRow(
  parameter: ParameterGuide,
  choices: readonly string[],
  onChange: (value: string | undefined) => void,
): Row {
  const { name } = parameter
  const group = h('div', { class: 'segments', role: 'radiogroup', 'aria-labelledby': `label-${name}` })
  const radios = ['', ...choices].map((value) => {
    const input = h('input', { type: 'radio', name, value, 'aria-describedby': `hint-${name}` })
    input.addEventListener('change', () => onChange(value === '' ? undefined : value))
    group.append(h('label', {}, input, h('span', {}, value === '' ? 'default' : value)))
    return input
  })
  return {
    element: rowElement(parameter, h('span', { class: 'label', id: `label-${name}` }, name), group),
    set(value = '') {
      for (const radio of radios) radio.checked = radio.value === value
    },
  }
}

function listRow(
  parameter: ParameterGuide,
  choices: readonly string[],
  onChange: (value: string | undefined) => void,
): Row {
  const { name } = parameter
  const select = h('select', { id: `parameter-${name}`, 'aria-describedby': `hint-${name}` })
  for (const value of ['', ...choices])
    select.append(h('option', { value }, value === '' ? 'default' : value))
  select.addEventListener('change', () => onChange(select.value === '' ? undefined : select.value))
  return {
    element: rowElement(parameter, h('label', { for: select.id }, name), select),
    set(value = '') {
      select.value = value
    },
  }
}

function numberRow(
  parameter: ParameterGuide,
  { min, max }: { readonly min: number; readonly max: number },
  names: readonly string[],
  onChange: (value: string | undefined) => void,
): Row {
  const { name } = parameter
  const slider = h('input', { type: 'range', min, max, 'aria-label': `${name}, slider` })
  const number = h('input', {
    type: 'number',
    id: `parameter-${name}`,
    min,
    max,
    step: 1,
    inputmode: 'numeric',
    placeholder: '–',
    'aria-describedby': `hint-${name}`,
  })
  const clear = clearButton(name, onChange)
  const buttons = names.map((value) => {
    const button = h('button', { type: 'button', class: 'chip', 'aria-pressed': 'false' }, value)
    button.addEventListener('click', () => onChange(value))
    return button
  })
  slider.addEventListener('input', () => onChange(slider.value))
  number.addEventListener('input', () => onChange(number.value === '' ? undefined : number.value))
  const row = h('div', { class: 'number' }, slider, number, clear)
  const chips = names.length === 0 ? [] : [h('div', { class: 'chips' }, ...buttons)]
  return {
    element: rowElement(parameter, h('label', { for: number.id }, name), ...chips, row),
    set(value, bounds) {
      if (parameter.values.kind === 'number' && parameter.values.unit === 'px' && name !== 'blur') {
        slider.max = String(bounds.sidePixels ?? USUAL_SIDE_PIXELS)
      }
      const isName = value !== undefined && names.includes(value)
      const text = value === undefined || isName ? '' : value
      // A value that is being typed is not overwritten.
      if (document.activeElement !== number) number.value = text
      slider.value = text === '' ? slider.max : text
      row.classList.toggle('unset', text === '')
      clear.hidden = value === undefined
      for (const button of buttons) button.setAttribute('aria-pressed', String(button.textContent === value))
    },
  }
}

/** Creates a row with a text input, and buttons for named values: `best` for times, the names of presets. */
function textRow(
  parameter: ParameterGuide,
  placeholder: string,
  words: readonly string[],
  onChange: (value: string | undefined) => void,
): Row {
  const { name } = parameter
  const input = h('input', {
    id: `parameter-${name}`,
    placeholder,
    autocomplete: 'off',
    'aria-describedby': `hint-${name}`,
  })
  const clear = clearButton(name, onChange)
  const chips = h('div', { class: 'chips' })
  let offered: readonly string[] = []
  const offer = (wanted: readonly string[]) => {
    if (wanted.join() === offered.join()) return
    offered = wanted
    chips.replaceChildren(
      ...wanted.map((word) => {
        const button = h('button', { type: 'button', class: 'chip', 'aria-pressed': 'false' }, word)
        button.addEventListener('click', () => onChange(word))
        return button
      }),
    )
  }
  offer(words)
  input.addEventListener('input', () => onChange(input.value.trim() === '' ? undefined : input.value.trim()))
  return {
    element: rowElement(
      parameter,
      h('label', { for: input.id }, name),
      chips,
      h('div', { class: 'number' }, input, clear),
    ),
    set(value = '', { presets }) {
      if (name === 'preset') offer(presets)
      chips.hidden = offered.length === 0
      if (document.activeElement !== input) input.value = words.includes(value) ? '' : value
      clear.hidden = value === ''
      for (const chip of chips.children) chip.setAttribute('aria-pressed', String(chip.textContent === value))
    },
  }
}

function clearButton(name: string, onChange: (value: undefined) => void): HTMLButtonElement {
  const button = h('button', { type: 'button', class: 'quiet clear', 'aria-label': `Clear ${name}` }, '×')
  button.addEventListener('click', () => onChange(undefined))
  return button
}
